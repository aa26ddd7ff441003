^XA
^CI28
^FX {{ dots_per_mm }} dots/mm ^FS
^PW{{ width }}^LL{{ length }}^LH0,0^LS0^PON
{#- Rules between the patient, the drug and the times. #}
^FO{{ 20|dots }},{{ 46|dots }}^GB{{ 976|dots }},2,2,B,0^FS
^FO{{ 20|dots }},{{ 187|dots }}^GB{{ 976|dots }},2,2,B,0^FS
^FO{{ 20|dots }},{{ 467|dots }}^GB{{ 976|dots }},2,2,B,0^FS
{#- A thin rule between the rows of several drugs leads the eye from a name to its amount. #}
{%- for y in rules %}
^FO{{ 25|dots }},{{ y|dots }}^GB{{ 830|dots }},1,1,B,0^FS
{%- endfor %}
{#- The beyond-use time stands in a frame. #}
^FO{{ 22|dots }},{{ 512|dots }}^GB{{ 700|dots }},{{ 51|dots }},3,B,0^FS
{%- if label.test %}
{#- A trial label is striped along both edges and says TEST on a black ground. #}
{%- for y in range(50, 740, 40) %}
^FO0,{{ y|dots }}^GB{{ 14|dots }},{{ 20|dots }},{{ 14|dots }},B,0^FS
^FO{{ 1001|dots }},{{ y|dots }}^GB{{ 14|dots }},{{ 20|dots }},{{ 14|dots }},B,0^FS
{%- endfor %}
^FO{{ 20|dots }},{{ 12|dots }}^GB{{ 606|dots }},{{ 31|dots }},{{ 31|dots }},B,0^FS
{%- endif %}
{%- if label.high_alert %}
^FO{{ 20|dots }},{{ 190|dots }}^GB{{ 976|dots }},{{ 38|dots }},{{ 38|dots }},B,0^FS
{%- endif %}
{%- for line in lines %}
^FO{{ line.x|dots }},{{ line.y|dots }}^A0N,{{ line.type|dots }},{{ line.type|dots }}
{%- if line.centred %}^FB{{ line.width|dots }},1,0,C,0{% endif %}
{%- if line.reversed %}^FR{% endif %}^FH_^FD{{ line.text|field_data(line.centred) }}^FS
{%- endfor %}
^FO{{ serial.x|dots }},{{ serial.y|dots }}^BXN,{{ serial.module }},200,,,,|,1^FH_^FD{{ label.serial|field_data }}^FS
{%- if bedside and label.bedside_kind == "datamatrix" %}
^FO{{ bedside.x|dots }},{{ bedside.y|dots }}^BXN,{{ bedside.module }},200,,,,|,1^FH_^FD{{ label.bedside_code|field_data }}^FS
{%- elif bedside %}
^FO{{ bedside.x|dots }},{{ bedside.y|dots }}^BY{{ bedside.module }},3,{{ bedside.height|dots }}^BCN,{{ bedside.height|dots }},N,N,N,A^FH_^FD{{ label.bedside_code|field_data }}^FS
{%- endif %}
^PQ1,0,1,Y
^XZ
